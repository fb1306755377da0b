package import Planning

/// What is compared and copied besides a large object's content and comment.
package struct LargeObjectAttributes: OptionSet, Sendable {
    package let rawValue: Int
    package static let owner = LargeObjectAttributes(rawValue: 1)
    package static let grants = LargeObjectAttributes(rawValue: 2)

    package init(rawValue: Int) {
        self.rawValue = rawValue
    }

    /// The attributes that belong to a run.
    package init(in scope: Scope) {
        self = []
        if !scope.omits(.owners) { insert(.owner) }
        if !scope.omits(.privileges) { insert(.grants) }
    }
}
