extension Unicode.Scalar {
    /// Whether it does something else than being seen: C0 and C1 controls, which terminals obey, what Unicode calls ends of
    /// lines and paragraphs, and what turns the direction of the text around it.
    public var isControl: Bool {
        switch value {
        case 0..<0x20, 0x7F...0x9F, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}

extension String {
    /// The text in one line, with its control characters written as escapes (`\n`, `\u{1B}`): what others have written can then
    /// neither forge a line of a log or a table nor speak to the terminal of who reads it.
    public var withoutControls: String {
        guard unicodeScalars.contains(where: \.isControl) else { return self }
        return unicodeScalars.reduce(into: "") { clean, scalar in
            switch scalar {
            case "\n": clean += "\\n"
            case "\r": clean += "\\r"
            case "\t": clean += "\\t"
            case _ where scalar.isControl: clean += "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
            default: clean.unicodeScalars.append(scalar)
            }
        }
    }

    /// A JSON text that means the same, in which no string has a control character as it is: JSON asks for an escape only below
    /// U+0020 (RFC 8259 section 7).
    public var withoutControlsInJSON: String {
        guard unicodeScalars.contains(where: { $0.value >= 0x7F && $0.isControl }) else { return self }
        return unicodeScalars.reduce(into: "") { clean, scalar in
            if scalar.value >= 0x7F, scalar.isControl {
                let digits = String(scalar.value, radix: 16)
                clean += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            } else {
                clean.unicodeScalars.append(scalar)
            }
        }
    }
}
