import Hummingbird
import SwitchboardCore
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

/// The page of a list that is kept in the order of its offsets.
func streamPage(of request: Request) throws(Problem) -> (limit: Int, cursor: StreamOffset?) {
    var page: (limit: Int, cursor: StreamOffset?) = (100, nil)
    for (name, value) in try URLQuery.checked(request.uri.query).items {
        switch name {
        case "limit":
            guard let number = Int(value), (1...1000).contains(number) else {
                throw .invalidRequest("'limit' must be 1-1000")
            }
            page.limit = number
        case "cursor":
            guard let offset = StreamOffset(value) else { throw .invalidRequest("'cursor' is not one of ours") }
            page.cursor = offset
        default: throw .invalidRequest("unknown parameter '\(name.prefix(bytes: 64))'")
        }
    }
    return page
}
