import Testing

@testable import SwitchboardServer

@Suite struct CommonJSBundleTests {
    private func bundle(_ modules: [String: String]) -> String? {
        CommonJSBundle.make(entry: "public/Terminal", global: "Terminal") { modules[$0].map { Array($0.utf8) } }
            .map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func aScriptForBrowsersIsLeftAlone() {
        #expect(CommonJSBundle.unresolved(Array("window.Terminal = function () {};".utf8)) == nil)
        let large = #"require("./x");"# + String(repeating: " ", count: 4096)
        #expect(CommonJSBundle.unresolved(Array(large.utf8)) == nil)
    }

    @Test func aScriptThatRequiresAModuleIsNotWhole() {
        let script = #"(function (f) { f(); })(function () { var t = require("./public/Terminal"); });"#
        #expect(CommonJSBundle.unresolved(Array(script.utf8)) == "public/Terminal")
    }

    @Test func everyModuleIsThereOnce() throws {
        let script = try #require(
            bundle([
                "public/Terminal": #"var core = require("../Terminal"), s = require("../Strings");"#,
                "Terminal": "require(\"./Strings\");\n//# sourceMappingURL=Terminal.js.map",
                "Strings": "exports.hello = 1;", "Unused": "exports.no = 1;",
            ]))
        for name in ["public/Terminal", "Terminal", "Strings"] {
            #expect(script.split(separator: "\"\(name)\": function (require, exports, module)").count == 2)
        }
        #expect(!script.contains("Unused") && !script.contains("sourceMappingURL"))
        #expect(script.hasSuffix("window.Terminal = load(\"public/Terminal\").Terminal;\n}());\n"))
    }

    @Test func modulesMayRequireEachOther() {
        #expect(bundle(["public/Terminal": #"require("../a")"#, "a": #"require("./public/Terminal")"#]) != nil)
    }

    @Test(arguments: [#"require("../gone")"#, #"require("../../../etc/passwd")"#, #"require("fs")"#, #"require("")"#])
    func whatIsMissingOrElsewhereMakesNone(text: String) {
        #expect(bundle(["public/Terminal": text]) == nil)
    }
}
