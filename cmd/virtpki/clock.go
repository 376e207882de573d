package main

// defaultClockWait is how long --wait-clock without a value waits.
const defaultClockWait = "10m"
