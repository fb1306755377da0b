import Postgres

/// The catalogs that hold large objects (PostgreSQL manual 53.30, 53.31).
enum LargeObjectTables {
    static let names: [ServerText] = ["pg_catalog.pg_largeobject", "pg_catalog.pg_largeobject_metadata"]
}
