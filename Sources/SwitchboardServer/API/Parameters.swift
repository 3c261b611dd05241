import Hummingbird
import SwitchboardProtocol

/// A path parameter, percent-decoded.
func parameter(_ name: String, _ context: some RequestContext) throws(Problem) -> String {
    guard let raw = context.parameters.get(name), let value = PercentEncoding.decode(raw) else {
        throw .invalidRequest("the path is not valid")
    }
    return value
}

/// The client that the path names by `:id`.
func client(_ context: some RequestContext) throws(Problem) -> ClientID {
    guard let client = ClientID(rawValue: try parameter("id", context)) else { throw .invalidClientID }
    return client
}

/// The group that the path names by `:name`.
func group(_ context: some RequestContext) throws(Problem) -> GroupName {
    guard let group = GroupName(rawValue: try parameter("name", context)) else { throw .invalidGroup }
    return group
}

extension URLQuery {
    /// A query in which no name may be given twice.
    static func checked(_ text: String?) throws(Problem) -> URLQuery {
        guard let query = URLQuery(text ?? "") else { throw .invalidRequest("the query is not valid") }
        if let name = query.repeatedName { throw .invalidRequest("'\(name.prefix(64))' is given twice") }
        return query
    }
}
