package epcc

// appendMessage writes the signed part, from <root to </root>, on one line.
func appendMessage(to []byte, h *header, fields []field, cipher session) ([]byte, error) {
	to = append(to, `<root xmlns="namespace_string">`...)
	heads := h.fields()
	for i := range heads {
		if reason := heads[i].check(heads[i].value()); reason != "" {
			return nil, heads[i].fail(reason)
		}
	}
	to = appendGroups(to, heads, session{})
	to = appendStart(to, "MsgBody")
	to = appendGroups(to, fields, cipher)
	to = appendEnd(to, "MsgBody")
	return appendEnd(to, "root"), nil
}

// appendGroups writes fields in their order, each run of one group under its
// element. A group of which nothing is written is left out.
func appendGroups(to []byte, fields []field, cipher session) []byte {
	open := ""
	for i := range fields {
		f := &fields[i]
		text := f.value()
		if text == "" && f.need == optional {
			continue
		}
		if f.group != open {
			if open != "" {
				to = appendEnd(to, open)
			}
			to = appendStart(to, f.group)
			open = f.group
		}
		if f.encrypted && text != "" {
			text = cipher.encrypt(text)
		}
		to = appendElement(to, f.name, text)
	}
	if open != "" {
		to = appendEnd(to, open)
	}
	return to
}

// appendElement writes one element with escaped text.
func appendElement(to []byte, name, text string) []byte {
	to = appendStart(to, name)
	for i := range len(text) {
		switch c := text[i]; c {
		case '<':
			to = append(to, "&lt;"...)
		case '>':
			to = append(to, "&gt;"...)
		case '&':
			to = append(to, "&amp;"...)
		default:
			to = append(to, c)
		}
	}
	return appendEnd(to, name)
}

func appendStart(to []byte, name string) []byte {
	return append(append(append(to, '<'), name...), '>')
}

func appendEnd(to []byte, name string) []byte {
	return append(append(append(to, "</"...), name...), '>')
}
