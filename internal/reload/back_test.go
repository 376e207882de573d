package reload

import (
	"errors"
	"testing"

	"virtpki/internal/libvirt"
	"virtpki/internal/machine"
)

// A run goes back no further than necessary: a newer CRL stays if the previous key pair is
// enough.
func TestStepBack(t *testing.T) {
	refused, broken := errors.New("refused"), errors.New("broken")
	for _, c := range []struct {
		name       string
		steps      []error // the error of each step
		tries      []error // the error of each try
		taken      int     // steps
		again, err error
	}{
		{"nowhere to go", nil, nil, 0, nil, nil},
		{"the first step helps", []error{nil, nil}, []error{nil}, 1, nil, nil},
		{"the second does", []error{nil, nil}, []error{refused, nil}, 2, nil, nil},
		{"none does", []error{nil, nil}, []error{refused, refused}, 2, refused, nil},
		{"a step cannot be taken", []error{broken, nil}, nil, 1, nil, broken},
		{"the second cannot", []error{nil, broken}, []error{refused}, 2, nil, broken},
	} {
		taken, tried := 0, 0
		var steps []func() error
		for _, ends := range c.steps {
			steps = append(steps, func() error { taken++; return ends })
		}
		again, err := stepBack(steps, func() error { tried++; return c.tries[tried-1] })
		if taken != c.taken || tried != len(c.tries) || again != c.again || err != c.err {
			t.Errorf("%s: %d steps, %d tries, %v, %v", c.name, taken, tried, again, err)
		}
	}
}

// There is a step back only for files of which a change has kept the previous ones.
func TestSteps(t *testing.T) {
	r := New(machine.New(), Options{}, nil)
	system := []libvirt.Layout{libvirt.System("/etc")}
	for _, c := range []struct {
		back Back
		want int
	}{
		{Back{}, 0},
		{Back{Pairs: system}, 1},
		{Back{Beside: map[libvirt.File][]byte{libvirt.CACRL: nil}}, 1},
		{Back{Pairs: system, Beside: map[libvirt.File][]byte{}}, 2},
	} {
		if got := len(r.steps(c.back)); got != c.want {
			t.Errorf("%+v: %d steps, want %d", c.back, got, c.want)
		}
	}
}
