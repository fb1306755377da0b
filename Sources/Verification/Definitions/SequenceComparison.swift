package import Catalog
package import Postgres

/// Compares the positions of sequences: the target's next value must be at or beyond the source's.
///
/// Pure.
///
/// Equality is not required: a standby and a crashed server show positions up to 32 values ahead.
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
        let there = Set(target.definitions.map(\.qualifiedName))
        for sequence in source.definitions where there.contains(sequence.qualifiedName) {
            if let position = positionFinding(sequence, source: source.positions, target: target.positions) {
                result.findings.append(position)
            }
        }
        return result
    }

    private static func positionFinding(
        _ sequence: SequenceDefinition,
        source ours: [QualifiedName: SequencePosition],
        target theirs: [QualifiedName: SequencePosition]
    ) -> Finding? {
        let name = sequence.qualifiedName
        guard let source = ours[name], let target = theirs[name] else { return nil }
        let sourceNext = source.next(increment: sequence.increment)
        let targetNext = target.next(increment: sequence.increment)
        let repair =
            "SELECT setval(\(Escaping.literal(ServerText(name.quoted))), \(source.lastValue), \(source.isCalled))"
        if sequence.isAtEnd(target), !sequence.isAtEnd(source) {
            return Finding(
                "sequence",
                object: name.description,
                problem: "at-its-end",
                severity: .stops,
                "it has no next value: every INSERT that takes one fails",
                source: "next \(sourceNext)",
                target: "last \(target.lastValue)",
                repair: repair
            )
        }
        guard sequence.increment > 0 ? targetNext < sourceNext : targetNext > sourceNext else { return nil }
        return Finding(
            "sequence",
            object: name.description,
            problem: "behind",
            severity: .stops,
            "it is behind the source's: the next INSERT may fail because its key already exists",
            source: "next \(sourceNext)",
            target: "next \(targetNext)",
            repair: repair
        )
    }
}
