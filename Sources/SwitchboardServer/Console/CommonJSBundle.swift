/// Modules for Node as one script for browsers: each in a function, and a `require` that calls it once.
enum CommonJSBundle {
    private static let maximumModules = 200

    /// The module that a script for browsers requires though there is none in it; nil when the script is whole.
    static func unresolved(_ script: [UInt8]) -> String? {
        // A whole library is larger than this.
        guard script.count < 2048 else { return nil }
        return required(by: String(decoding: script, as: UTF8.self)).first.flatMap { resolve($0, from: "main") }
    }

    /// - Parameters:
    ///   - entry: The module, by its path without extension, that makes the library.
    ///   - global: What it exports; it becomes a global of the page.
    ///   - read: The bytes of a module, by its path without extension.
    /// - Returns: nil when a module is missing.
    static func make(entry: String, global: String, read: (String) -> [UInt8]?) -> [UInt8]? {
        var (texts, waiting) = ([String: String](), [entry])
        while let name = waiting.popLast() {
            guard texts[name] == nil else { continue }
            guard texts.count < maximumModules, let bytes = read(name) else { return nil }
            let text = String(decoding: bytes, as: UTF8.self)
            texts[name] = text
            for path in required(by: text) {
                guard let module = resolve(path, from: name) else { return nil }
                waiting.append(module)
            }
        }
        var script = "(function () {\nvar made = {}, modules = {\n"
        for (name, text) in texts.sorted(by: { $0.key < $1.key }) {
            // The maps stay where they are.
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
                .filter { !$0.hasPrefix("//# sourceMappingURL=") }
            script += "\"\(name)\": function (require, exports, module) {\n\(lines.joined(separator: "\n"))\n},\n"
        }
        script += runtime + "window.\(global) = load(\"\(entry)\").\(global);\n}());\n"
        return Array(script.utf8)
    }

    private static let runtime = """
        };
        function resolve(path, from) {
            var parts = from.split("/").slice(0, -1);
            path.split("/").forEach(function (part) {
                if (part === "..") parts.pop(); else if (part !== ".") parts.push(part);
            });
            return parts.join("/");
        }
        function load(name) {
            if (!made[name]) {
                var module = made[name] = { exports: {} };
                modules[name](function (path) { return load(resolve(path, name)); }, module.exports, module);
            }
            return made[name].exports;
        }

        """

    /// The paths in `require("...")`.
    private static func required(by text: String) -> [String] {
        text.split(separator: "require(\"", omittingEmptySubsequences: false).dropFirst().compactMap { rest in
            rest.firstIndex(of: "\"").map { String(rest[..<$0]) }
        }
    }

    /// - Returns: nil for what is no path below the folder of the modules.
    private static func resolve(_ path: String, from module: String) -> String? {
        guard path.hasPrefix("."), path.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "\\") }) else {
            return nil
        }
        var parts = module.split(separator: "/").dropLast()
        for part in path.split(separator: "/") where part != "." {
            if part != ".." {
                parts.append(part)
            } else if parts.popLast() == nil {
                return nil
            }
        }
        return parts.joined(separator: "/")
    }
}
