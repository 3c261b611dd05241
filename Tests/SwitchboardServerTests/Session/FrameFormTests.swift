import SwitchboardProtocol
import SwitchboardWebSocket
import Testing

@testable import SwitchboardServer

@Suite struct FrameFormTests {
    private static let windows: [DeflateWindow?] = [nil] + DeflateWindow.allCases

    @Test func everyFormSaysWhatItWasMadeOf() {
        var forms: Set<FrameForm> = []
        for mode in [ConnectionMode.raw, .framed] {
            for window in Self.windows {
                let form = FrameForm(mode, window)
                #expect(form.mode == mode && form.window == window)
                #expect(FrameForm.all[form.index] == form)
                forms.insert(form)
            }
        }
        #expect(forms.count == FrameForm.count)
    }

    /// A batch without compression looks no further.
    @Test func thoseWithoutCompressionComeFirst() {
        #expect(FrameForm.all.prefix(2).allSatisfy { $0.window == nil })
        #expect(FrameForm.all.dropFirst(2).allSatisfy { $0.window != nil })
    }

    @Test func sessionsAreCountedByTheirForm() {
        var tally = FormTally()
        tally.add(3, .raw)
        tally.add(2, FrameForm(.raw, .standard))
        tally.add(1, FrameForm(.framed, .small))
        tally.add(-1, FrameForm(.raw, .standard))
        #expect(tally[.raw] == 3 && tally[.framed] == 0 && tally[FrameForm(.raw, .standard)] == 1)
        #expect(tally.sessions(.raw) == 4 && tally.sessions(.framed) == 1)
        #expect(tally.compressed == 2)
        let sum = tally + tally
        #expect(sum.sessions(.raw) == 8 && sum.compressed == 4)
    }
}
