import Catalog
package import Postgres

extension ObjectComparison {
    /// Two texts of one attribute that differ but may mean the same.
    ///
    /// A server prints what it has parsed. The text depends on its major version, and parsing it again may change it
    /// (`IN ('a', 'b')` over varchar).
    package struct Doubt: Sendable, Hashable {
        package let kind: String
        package let object: ServerText
        package let attribute: ServerText
        package let table: QualifiedName?
        /// What else is needed to parse them: a domain's type, a collation's provider, a function's result.
        package let context: ServerText?
        package let source: ServerText
        package let target: ServerText

        init(
            kind: String,
            object: ServerText,
            attribute: ServerText,
            table: QualifiedName?,
            context: ServerText? = nil,
            source: ServerText,
            target: ServerText
        ) {
            self.kind = kind
            self.object = object
            self.attribute = attribute
            self.table = table
            self.context = context
            self.source = source
            self.target = target
        }

        init(_ object: CatalogObject, attribute: ServerText, source: ServerText, target: ServerText) {
            let needed: ServerText =
                switch object.kind {
                case .domain: "type"
                case .collation: "provider"
                default: "result"
                }
            let context = object.attributes[needed]
            self.init(
                kind: object.kind.rawValue,
                object: object.object,
                attribute: attribute,
                table: object.table,
                context: context,
                source: source,
                target: target
            )
        }
    }
}
