package import Catalog
package import Postgres

/// Compares sequences.
///
/// Their definitions, and whether the target's next value is at or beyond the source's. Pure.
///
/// Equality is not asked for: a standby and a crashed server show positions up to 32 values ahead.
package struct SequenceComparison {
    /// One side's sequences with their positions.
    package struct Side {
        let definitions: [SequenceDefinition]
        let positions: [QualifiedName: SequencePosition]

        package init(definitions: [SequenceDefinition], positions: [QualifiedName: SequencePosition]) {
            self.definitions = definitions
            self.positions = positions
        }
    }

    /// Compares both sides.
    package static func result(source: Side, target: Side) -> VerificationResult {
        var result = VerificationResult(method: "catalog")
        result.examined.append(
            VerificationResult.Examined(
                kind: "sequence",
                source: source.definitions.count,
                target: target.definitions.count
            )
        )
        let theirs = Dictionary(
            target.definitions.map { ($0.qualifiedName, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        for sequence in source.definitions {
            guard let there = theirs[sequence.qualifiedName] else {
                result.findings.append(
                    Finding(
                        "sequence",
                        sequence.qualifiedName.description,
                        .stops,
                        "the sequence is missing on the target"
                    )
                )
                continue
            }
            result.findings += differences(sequence, there)
            if let position = positionFinding(sequence, source.positions, target.positions) {
                result.findings.append(position)
            }
        }
        return result
    }

    private static func differences(_ ours: SequenceDefinition, _ theirs: SequenceDefinition) -> [Finding] {
        let attributes: [(String, String, String)] = [
            ("type", ours.type, theirs.type), ("start", "\(ours.startValue)", "\(theirs.startValue)"),
            ("increment", "\(ours.increment)", "\(theirs.increment)"),
            ("minimum", "\(ours.minValue)", "\(theirs.minValue)"),
            ("maximum", "\(ours.maxValue)", "\(theirs.maxValue)"),
            ("cache", "\(ours.cacheSize)", "\(theirs.cacheSize)"),
            ("cycling", "\(ours.isCycling)", "\(theirs.isCycling)"),
        ]
        return attributes.filter { $0.1 != $0.2 }.map { what, mine, its in
            Finding(
                "sequence",
                ours.qualifiedName.description,
                .stops,
                "its \(what) differs",
                source: mine,
                target: its
            )
        }
    }

    private static func positionFinding(
        _ sequence: SequenceDefinition,
        _ ours: [QualifiedName: SequencePosition],
        _ theirs: [QualifiedName: SequencePosition]
    ) -> Finding? {
        let name = sequence.qualifiedName
        guard let source = ours[name], let target = theirs[name] else { return nil }
        let sourceNext = source.next(increment: sequence.increment)
        let targetNext = target.next(increment: sequence.increment)
        guard sequence.increment > 0 ? targetNext < sourceNext : targetNext > sourceNext else { return nil }
        return Finding(
            "sequence",
            name.description,
            .stops,
            "it stands behind the source's: the next INSERT may meet a key that is taken",
            source: "next \(sourceNext)",
            target: "next \(targetNext)",
            repair:
                "SELECT setval(\((("\(literal: name.quoted)") as SQL).text), \(source.lastValue), \(source.isCalled))"
        )
    }
}
