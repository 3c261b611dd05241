extension Setting {
    /// Seconds.
    private static let day = 86_400.0

    /// The rows of authentication.
    static let authentication: [Setting] = [
        Setting(
            "keyFile", .text, \.server.auth.keyFile, "The API keys: a file that `switchboard key` writes.",
            absence: "none"),
        Setting(
            "tokenSecret", .tokenSecrets, \.server.auth.tokenSecrets,
            "Secrets of tokens with HS256; several while one replaces another.", isSecret: true),
        Setting(
            "tokenKeys", .keySetSource, \.server.auth.tokenKeys,
            "The keys of those who make tokens: a JSON Web Key Set, as a file or a URL.", absence: "none"),
        Setting(
            "tokenKeysInterval", .seconds(0...day), \.server.auth.tokenKeysInterval,
            "The time between two looks at it; 0 looks when a token names another key.", needs: "tokenKeys"),
        Setting(
            "tokenAudience", .text, \.server.auth.tokenAudience, "Who tokens must be for (aud).",
            absence: "nobody in particular", needs: "tokenSecret", "tokenKeys"),
        Setting(
            "tokenIssuer", .text, \.server.auth.tokenIssuer, "Who tokens must be from (iss).",
            absence: "anybody whose key is known", needs: "tokenSecret", "tokenKeys"),
        Setting(
            "tokenLeeway", .seconds(0...300), \.server.auth.tokenLeeway,
            "How far the clock of who makes tokens may be ahead.", needs: "tokenSecret", "tokenKeys"),
        Setting(
            "tokenMaxLifetime", .seconds(0...3650 * day), \.server.auth.tokenMaxLifetime,
            "How far ahead the end of a token (exp) may be; 0 means no limit.", needs: "tokenSecret", "tokenKeys"),
        Setting(
            "allowedOrigins", .origins, \.server.auth.allowedOrigins,
            "Pages of which origins may connect, such as https://shop.example; none allows all, without keys only "
                + "those of this machine and the node's own."),
        Setting(
            "joinableGroups", .groupPatterns, \.server.auth.joinableGroups,
            "Groups that clients may join by themselves, such as chat:*.",
            absence: "any without a token, else those that it names"),
        Setting(
            "publishGroups", .groupPatterns, \.server.auth.publishableGroups,
            "Groups that clients may publish to, such as chat:*; none leaves it to what their tokens say."),
    ]
}

extension SettingKind where Value == [String] {
    static let tokenSecrets = list(
        "SECRET", rule: "texts of at least \(TokenAlgorithm.shortestSecret) bytes, without commas",
        allows: { $0.utf8.count >= TokenAlgorithm.shortestSecret }, parse: { $0 })
}

extension SettingKind where Value == String {
    static let keySetSource = SettingKind(
        .value("FILE|URL"), rule: "a file or a URL such as https://login.example/jwks.json",
        show: webURL.show, allows: { KeySetSource($0) != nil }, redacts: webURL.redacts, parse: { $0 })
}

extension SettingKind where Value == [OriginPattern] {
    static let origins = list(
        "ORIGIN", rule: "origins such as https://shop.example, https://*.shop.example or *",
        parse: { OriginPattern($0) })
}

extension SettingKind where Value == [GroupPattern] {
    static let groupPatterns = list(
        "GROUP", rule: "names of groups, or the beginning of one and *", parse: { GroupPattern($0) })
}
