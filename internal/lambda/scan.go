package lambda

import (
	"github.com/besra-ml/besra/internal/strictjson"
)

// A scanner reads the events of platforms: of what is not known in them it takes no notice, since platforms add to them
// as they like; null is as good as nothing.
type scanner struct{ strictjson.Scanner }

// object calls member for each member of the next value, which is an object or null. member reads the value, or
// returns false: then it is left out.
func (s *scanner) object(member func(name string) (known bool, err error)) error {
	if s.Kind() == strictjson.Null {
		return s.Null()
	}
	if err := s.Object(); err != nil {
		return err
	}
	for {
		name, ok, err := s.Name()
		if err != nil || !ok {
			return err
		}
		known, err := member(string(name))
		if err != nil {
			return err
		}
		if !known {
			if _, err := s.Skip(); err != nil {
				return err
			}
		}
	}
}

// text reads a string or null into dst.
func (s *scanner) text(dst *string) error {
	if s.Kind() == strictjson.Null {
		return s.Null()
	}
	b, err := s.String()
	*dst = string(b)
	return err
}

// scalar reads a string, a number or a truth as text; what is none of these is left out.
func (s *scanner) scalar(dst *string) error {
	switch s.Kind() {
	case strictjson.String:
		return s.text(dst)
	case strictjson.Number, strictjson.True, strictjson.False:
		b, err := s.Skip()
		*dst = string(b)
		return err
	default:
		_, err := s.Skip()
		return err
	}
}

// texts reads a list of strings, or null.
func (s *scanner) texts(each func(string)) error {
	if s.Kind() == strictjson.Null {
		return s.Null()
	}
	if err := s.Array(); err != nil {
		return err
	}
	for {
		ok, err := s.Element()
		if err != nil || !ok {
			return err
		}
		var text string
		if err := s.text(&text); err != nil {
			return err
		}
		each(text)
	}
}

// truth reads true, false or null.
func (s *scanner) truth(dst *bool) (err error) {
	if s.Kind() == strictjson.Null {
		return s.Null()
	}
	*dst, err = s.Bool()
	return err
}
