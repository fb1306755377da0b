import Ledger
import Postgres

/// What to do next with a run, by what its ledger says.
struct StatusAdvice {
    let next: String

    /// - Parameters:
    ///   - run: The run.
    ///   - last: How its last call ended; nil if none has begun, or the last one is at work or was killed.
    ///   - isAtWork: Whether a client works on it now.
    init(_ run: RunEntry, after last: CallEnding?, isAtWork: Bool) {
        let (command, outcome) = (last?.command.visible, last?.outcome.visible)
        next =
            if isAtWork {
                "wait; if the call at work ends early, the same command goes on"
            } else if run.archive != nil {
                run.step == .done
                    ? "open the target: it is equal to the archive; then tidemark finish"
                    : "the next archive, or tidemark restore again: it goes on from what was committed"
            } else if run.step == .done {
                "open the target: it is PROVEN equal. Days later: tidemark finish"
            } else if run.isStage, run.step <= .precopied {
                "tidemark precopy --stage to catch up; with the stage's application closed, tidemark cutover"
            } else if run.isRehearsed, outcome == "rehearsed" {
                "keep the application on the source; on the night tidemark precopy, then tidemark cutover"
            } else if run.step < .precopied {
                "tidemark precopy: it goes on from what was committed"
            } else if run.step == .precopied, command != "cutover" {
                (run.rehearsal == nil ? "tidemark cutover --rehearse; " : "")
                    + "on the night tidemark precopy, then tidemark cutover"
            } else {
                // Between the cutover's snapshot and its proof.
                "do not open the target; tidemark cutover again: it goes on from what was committed"
            }
    }
}
