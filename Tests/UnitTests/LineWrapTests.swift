import Testing

@testable import TidemarkCLI

@Suite struct `Lines for a terminal` {
    @Test func `are broken between words, and the rest is indented`() {
        let text = "  NEXT: one two three four\nshort\n\n    a word"
        let wrapped = """
              NEXT: one
                two three
                four
            short

                a word
            """
        #expect(LineWrap.wrapped(text, to: 14) == wrapped)
    }

    @Test(arguments: 1...40) func `fit, except for single words, and lose nothing`(_ width: Int) {
        let text = "The quick brown fox  jumps over the lazy dog; Überlänge wird gekürzt"
        let lines = LineWrap.lines(text, width)
        #expect(lines.allSatisfy { $0.count <= width || !$0.drop { $0 == " " }.contains(" ") }, "\(lines)")
        let words = { (text: String) in text.split(separator: " ") }
        #expect(lines.flatMap(words) == words(text))
    }
}
