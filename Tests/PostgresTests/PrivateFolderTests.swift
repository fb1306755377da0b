import Foundation
import Glibc
import Postgres
import Testing

@Suite struct `A private folder` {
    private func inScratch(_ body: (String) throws -> Void) throws {
        let scratch = FileManager.default.temporaryDirectory.appending(path: "scratch-\(UUID())").path
        try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        try body(scratch)
    }

    /// Makes a folder's files look as if they were there for a minute.
    private func age(_ path: String) throws {
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -60)], ofItemAtPath: path)
    }

    @Test func `is removed with its owner, and by the next process if its owner was killed`() throws {
        try inScratch { scratch in
            var living: PrivateFolder? = try PrivateFolder(in: scratch)
            let path = try #require(living?.path)
            try living?.write("secret", to: "\(path)/password")
            try age("\(path)/owner")
            // A killed process's lock has ended with it.
            let left = "\(scratch)/tidemark-killed"
            try FileManager.default.createDirectory(atPath: left, withIntermediateDirectories: true)
            for file in ["owner", "password"] {
                #expect(FileManager.default.createFile(atPath: "\(left)/\(file)", contents: nil))
            }
            let young = "\(scratch)/tidemark-young"
            try FileManager.default.createDirectory(atPath: young, withIntermediateDirectories: true)
            #expect(FileManager.default.createFile(atPath: "\(young)/owner", contents: nil))
            try age("\(left)/owner")
            // Folders of others that have such a name.
            let foreign = "\(scratch)/tidemark-notes"
            try FileManager.default.createDirectory(atPath: foreign, withIntermediateDirectories: true)
            let link = "\(scratch)/tidemark-link"
            #expect(symlink(foreign, link) == 0)

            let next = try PrivateFolder(in: scratch)
            let names = try Set(FileManager.default.contentsOfDirectory(atPath: scratch))
            #expect(
                names
                    == Set(
                        [path, next.path, young, foreign, link].compactMap {
                            $0.split(separator: "/").last.map(String.init)
                        }
                    )
            )
            #expect(try String(contentsOfFile: "\(path)/password", encoding: .utf8) == "secret")
            living = nil
            #expect(access(path, F_OK) != 0)
        }
    }
}
