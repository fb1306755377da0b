/// An error that an operator can act on: what is wrong, where and why, and what to do about it.
///
/// All errors of the library have this form, so that an application can show the hint in a place of its own.
public protocol OperatorError: Error, Sendable, CustomStringConvertible {
    /// What is wrong, where and why; without the hint.
    var message: String { get }
    /// What the operator can do; nil if the message leaves only one thing to do.
    var hint: String? { get }
}

extension OperatorError {
    /// The error as an operator reads it: the message, and the hint on a line of its own.
    public var description: String { hint.map { "\(message)\nHINT: \($0)" } ?? message }
}
