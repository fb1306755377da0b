// `import Tidemark` also gives access to the public types of its modules: endpoints, options, errors, reports,
// findings.
@_exported public import Archive
@_exported public import Ledger
@_exported public import Planning
@_exported public import Postgres
@_exported public import Rebuild
@_exported public import Report
@_exported public import Verification
