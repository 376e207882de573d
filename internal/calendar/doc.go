// Package calendar says when a schedule starts a program: a calendar expression of systemd, a
// line of a crontab, or several of them together, with the longest time between two runs.
//
// It parses and calculates. Package systemd reads the timer units that the expressions stand in.
// Where a clock is set back or forward by daylight saving time, the time of a single run may
// differ from systemd's by the hour that is left out or comes twice.
package calendar
