"use strict";
// Names come from the databases: they are only ever set as text.
const element = (id) => document.getElementById(id);
const clock = (seconds) => {
  const two = (number) => String(number).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
};
const bytes = (count) => {
  let unit = 0;
  for (; count >= 1000 && unit < 4; unit++) count /= 1000;
  return `${unit ? count.toFixed(1) : count} ${["B", "kB", "MB", "GB", "TB"][unit]}`;
};
const number = (count) => count.toLocaleString("en");

function bar(id, done, all) {
  element(id).max = Math.max(1, all);
  element(id).value = all ? done : 1;
  element(`${id}-text`).textContent = `${number(done)} of ${number(all)}`;
}

function fact(list, name, value) {
  if (value === null || value === undefined) return;
  const pair = document.createElement("div");
  pair.append(Object.assign(document.createElement("dt"), { textContent: name }));
  pair.append(Object.assign(document.createElement("dd"), { textContent: value }));
  list.append(pair);
}

function show(answer) {
  const { status, forecast, error } = answer;
  for (const id of ["progress", "facts"]) element(id).hidden = !status;
  element("forecast").hidden = !(status && forecast.length);
  element("trouble").hidden = !error;
  element("trouble").textContent = error ?? "";
  element("at").textContent = `Read at ${new Date(answer.at).toLocaleTimeString()}.`;
  if (!status) {
    element("title").textContent = error ? "The target cannot be read" : "No run has started on this target";
    return;
  }
  const client = status.client;
  const isDone = !client && status.step === "done";
  element("head").className = client ? "working" : isDone ? "done" : "";
  element("title").textContent = client
    ? (client.command ?? "opening the run") + (client.phase ? `: ${client.phase}` : "")
    : isDone ? "Done" : "No client is at work";
  document.title = `${element("title").textContent} – tidemark`;
  element("subtitle").textContent = client
    ? `by ${client.role} ${client.address ? `from ${client.address}` : "on the server's machine"}, ${clock(client.seconds)}`
      + (client.phase ? `; this phase ${clock(client.phaseSeconds ?? 0)}` : "")
    : `step ${status.step}`;
  bar("base", status.chunksWithBase, status.chunks);
  bar("pass", status.isPassComplete ? status.chunks : status.chunksOfPass, status.chunks);
  bar("objects", status.objectsBuilt, status.objects);
  const list = document.createElement("dl");
  list.id = "list";
  fact(list, "Source", status.source);
  fact(list, "Step", status.step);
  fact(list, "Pass", `${status.pass}${status.isPassComplete ? ", complete" : ""}`);
  fact(list, "Rows on the target", number(status.rows));
  fact(list, "Copied in all passes", bytes(status.bytes));
  fact(list, "Client number", status.epoch);
  fact(list, "Ledger changed", status.lastChange ?? "never");
  fact(list, "Rehearsed", status.rehearsedAt && `${status.rehearsedAt}, ${clock(Math.round(status.rehearsedSeconds ?? 0))}`);
  fact(list, "Run", status.run);
  element("list").replaceWith(list);
  element("forecast-text").textContent = forecast.join("\n");
}

let lastAnswer = null;
async function look() {
  try {
    const answer = await fetch("status.json", { cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (!answer.ok) throw new Error(`answer ${answer.status}`);
    show(await answer.json());
    lastAnswer = new Date();
  } catch (error) {
    element("trouble").hidden = false;
    element("trouble").textContent =
      `No answer from tidemark${lastAnswer ? ` since ${lastAnswer.toLocaleTimeString()}` : ""}: what is shown is old.`;
  }
  setTimeout(look, 2000);
}
look();
