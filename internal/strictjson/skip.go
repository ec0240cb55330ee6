package strictjson

// Skip checks a whole value of any kind, with all that is in it, and returns its bytes, a part of the text.
//
// Numbers are checked for their spelling only, not for the range of float64.
func (s *Scanner) Skip() (span []byte, err error) { return s.skip(true) }

// SkipSyntax is Skip without the check for duplicate names, and the faster for it. It is for values that
// are read again later, by calls that do check: until then their names must not be trusted.
func (s *Scanner) SkipSyntax() (span []byte, err error) { return s.skip(false) }

// skip keeps the kinds of the containers it is in as bits of a word, which MaxDepth fits, so
// that no text can exhaust the stack.
func (s *Scanner) skip(names bool) ([]byte, error) {
	s.pos = space(s.text, s.pos)
	start, outside := s.pos, s.depth
	objects := uint64(0) // bit 0 is the innermost container; set: an object
	for {
		if err := s.enter(); err != nil {
			return nil, err
		}
		if s.fresh {
			objects <<= 1
			if s.text[s.pos-1] == '{' {
				objects |= 1
			}
		}
		for more := false; !more; {
			if s.depth == outside {
				return s.text[start:s.pos], nil
			}
			var err error
			if objects&1 == 0 {
				more, err = s.Element()
			} else {
				more, err = s.skipName(names)
			}
			if err != nil {
				return nil, err
			}
			if !more {
				objects >>= 1
			}
		}
	}
}

// enter checks a string, number or literal, or enters an object or array; it is then fresh.
func (s *Scanner) enter() (err error) {
	switch kind := s.Kind(); kind {
	case String:
		s.pos, _, err = s.quoted(s.pos)
		return err
	case Number:
		s.pos, err = s.number(s.pos)
		return err
	case Object, Array:
		return s.open(kind)
	case True:
		return s.literal("true")
	case False:
		return s.literal("false")
	case Null:
		return s.literal("null")
	default:
		return s.badLiteral(s.pos)
	}
}

func (s *Scanner) skipName(names bool) (ok bool, err error) {
	if names {
		_, ok, err = s.Name()
		return ok, err
	}
	if ok, err = s.next('}'); !ok {
		return false, err
	}
	_, _, err = s.memberName(space(s.text, s.pos))
	return err == nil, err
}
