#!/usr/bin/env python3
"""Prints what is inside a build, as an SPDX 2.3 document: Swift packages with their versions, and the libraries it is linked with.

    sbom.py VERSION BUILD DAY SCRATCH
"""

import json
import subprocess
import sys


def packages(node, found):
    for dependency in node["dependencies"]:
        found[dependency["identity"]] = dependency
        packages(dependency, found)
    return found


def entry(name, version, url, licence="NOASSERTION"):
    return {
        "SPDXID": f"SPDXRef-{name}",
        "name": name,
        "versionInfo": version,
        "downloadLocation": url,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
        "filesAnalyzed": False,
    }


def main(version, build, day, scratch):
    tree = subprocess.run(
        ["swift", "package", "--scratch-path", scratch, "show-dependencies", "--format", "json"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = packages(json.loads(tree[tree.index("{") :]), {})
    swift = subprocess.run(["swift", "--version"], check=True, capture_output=True, text=True).stdout.split("\n")[0]
    parts = [entry(name, found[name]["version"], found[name]["url"]) for name in sorted(found)]
    parts.append(entry("swift-runtime", swift, "https://www.swift.org/download/", "Apache-2.0 WITH Swift-exception"))
    for library in ("libpq5", "libzstd1"):
        query = ["dpkg-query", "--show", "--showformat=${Version}", library]
        installed = subprocess.run(query, check=True, capture_output=True, text=True).stdout
        parts.append(entry(library, installed, f"https://packages.debian.org/{library}"))
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"tidemark-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/tidemark-{version}-{build}",
        "creationInfo": {"created": f"{day}T00:00:00Z", "creators": ["Tool: scripts/lib/sbom.py"]},
        "packages": [entry("tidemark", f"{version} ({build})", "NOASSERTION", "PostgreSQL")] + parts,
        "relationships": [
            {"spdxElementId": "SPDXRef-tidemark", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": part["SPDXID"]}
            for part in parts
        ],
    }
    print(json.dumps(document, indent=1))


main(*sys.argv[1:])
