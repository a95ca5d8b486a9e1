package sio

// OrNull returns the value itself, with only the attachments that have a placeholder, or null
// if it is not valid. It is [Splice] without text around the value.
func (d Data) OrNull() Data {
	valid, marks, err := d.markValid()
	if err != nil {
		return Data{JSON: null}
	}
	return valid.extractPart(0, len(valid.JSON), marks)
}

// Splice returns text with values between its pieces, and all their attachments. There is
// one piece more than values. A value that is not valid becomes null, as in [Array].
// Splice does not check the text: with null for each value it must be one JSON value
// without placeholders.
func Splice(text [][]byte, values []Data) Data {
	size := 0
	for _, piece := range text {
		size += len(piece)
	}
	for _, v := range values {
		size += len(v.JSON)
	}
	out := Data{JSON: make([]byte, 0, size)}
	for i, v := range values {
		out.JSON = append(out.JSON, text[i]...)
		marks, err := v.findPlaceholders()
		if err != nil {
			v, marks = Data{JSON: null}, nil
		}
		out.appendPart(v, 0, len(v.JSON), marks)
	}
	out.JSON = append(out.JSON, text[len(values)]...)
	return out
}
