package epcc

// check returns why a text may not stand in the field, or "".
func (f *field) check(text string) string {
	if text != "" {
		return f.kind.check(text)
	}
	if f.need == mandatory {
		return "missing"
	}
	return ""
}

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
