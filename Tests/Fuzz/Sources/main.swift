import CLibFuzzer
import Foundation

guard let target = FuzzTarget.chosen else {
    for target in FuzzTarget.all { print(target.name) }
    exit(2)
}

// What a target prepares is no part of its first execution.
target.check(UnsafeRawBufferPointer(start: nil, count: 0))

var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
exit(LLVMFuzzerRunDriver(&count, &arguments, FuzzTarget.run))
