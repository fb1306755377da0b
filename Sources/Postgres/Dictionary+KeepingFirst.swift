extension Dictionary {
    /// Creates a dictionary from pairs; of several values for one key it keeps the first.
    package init(keepingFirst pairs: some Sequence<(Key, Value)>) {
        self.init(pairs, uniquingKeysWith: { first, _ in first })
    }
}
