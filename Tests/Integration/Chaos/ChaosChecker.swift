/// Judges a history by what the contract promises; a struct without I/O.
///
/// Of pushes: what was answered with success is handled by everyone whom it is meant for, once, and behind all that had been
/// answered with success before it was sent; what was answered with an error is handled at most once; no mailbox keeps
/// anything. Of commands: none is run twice, and whoever was told a result was told what the client really came to. Of both:
/// no answer claims what did not happen.
struct ChaosChecker {
    enum Rule: String, Hashable, Sendable, CaseIterable {
        case pushLost, pushTwice, pushReordered, pushForged, mailboxLeft
        case commandTwice, commandForged
        /// A request was answered with something that is not true.
        case answerFalse
        /// A status or code that nothing in this run gives reason for.
        case answerOdd
        /// Something failed although everything was well.
        case notHealed
        case agentGaveUp
        /// The history itself is not whole.
        case historyAbsurd
    }

    struct Violation: Hashable, Sendable, CustomStringConvertible {
        var rule: Rule
        /// Whose, and which push or command, where it concerns one.
        var client: String?
        var id: String?
        var text: String

        var description: String {
            ([rule.rawValue, client, id].compactMap { $0 } + [text]).joined(separator: ": ")
        }
    }

    /// In the order of the rules.
    static func violations(of history: ChaosHistory) -> [Violation] {
        var checker = ChaosChecker(digest: ChaosDigest(history))
        checker.checkPushes()
        checker.checkHandlings()
        checker.checkCommands()
        checker.checkEnds()
        let rank = Dictionary(uniqueKeysWithValues: zip(Rule.allCases, 0...))
        return checker.found.sorted { (rank[$0.rule] ?? 0, $0.description) < (rank[$1.rule] ?? 0, $1.description) }
    }

    let digest: ChaosDigest
    private var found: [Violation] = []

    private init(digest: ChaosDigest) { self.digest = digest }

    mutating func report(_ rule: Rule, client: String? = nil, id: String? = nil, _ text: String) {
        found.append(Violation(rule: rule, client: client, id: id, text: text))
    }

    private mutating func checkEnds() {
        for text in digest.absurdities { report(.historyAbsurd, text) }
        if digest.clients.isEmpty { report(.historyAbsurd, "nobody took part") }
        for (name, client) in digest.clients {
            switch client.mailbox {
            case nil: report(.historyAbsurd, client: name, "nobody looked into its mailbox")
            case 0: break
            case let count?: report(.mailboxLeft, client: name, "\(count) pushes are left")
            }
            if let why = client.reasonForGivingUp { report(.agentGaveUp, client: name, why) }
        }
    }
}
