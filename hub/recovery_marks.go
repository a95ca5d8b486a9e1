package hub

// maxMarks is how many events without an offset a socket remembers. Beyond them, its
// client may get some twice.
const maxMarks = 512

// sendMarked is send for an event without an offset. The socket is saved with its mark
// or does not get it: the lock is held over both.
func (s *Socket) sendMarked(d delivery) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load() != stateLive || !s.client.session.Send(d.message) {
		return false
	}
	s.addMark(d.mark)
	return true
}

// addMark notes that the client was sent an event without an offset. The caller holds
// mu.
func (s *Socket) addMark(mark string) {
	if mark == "" {
		return
	}
	if len(s.marks) >= maxMarks {
		s.marks = append([]string(nil), s.marks[len(s.marks)-maxMarks+1:]...)
	}
	s.marks = append(s.marks, mark)
}
