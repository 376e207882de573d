package fleet

import (
	"testing"
	"time"
)

func TestProgressText(t *testing.T) {
	tests := []struct {
		count   Count
		made    int
		elapsed time.Duration
		want    string
	}{
		{Count{Total: 1000}, 0, time.Second, "0 of 1000 bundles"},
		{Count{Total: 1000, There: 100, Made: 300}, 300, 3 * time.Second, "400 of 1000 bundles, 100.0 a second, 6s left"},
		{Count{Total: 10000, Made: 12}, 12, 2 * time.Minute, "12 of 10000 bundles, 0.1 a second, 27h44m40s left"},
		{Count{Total: 1000, Made: 20, Device: true}, 20, time.Second, "20 of 1000 bundles (signed by the device, one at a time), 20.0 a second, 49s left"},
		{Count{Total: 1, Made: 1}, 1, time.Second, "1 of 1 bundle, 1.0 a second, 0s left"},
	}
	for _, tt := range tests {
		if got := tt.count.Text(tt.made, tt.elapsed); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
