package eventstream

import (
	"math"
	"time"
)

// DefaultRetry is how long a client waits until a server has said how long.
const DefaultRetry = time.Second

// Delay is how long to wait before the next attempt: retry, doubled for each of the attempts in a row that brought
// nothing, at most most, times a half to one, as random (0 to 1) says.
func Delay(retry time.Duration, fruitless int, most time.Duration, random float64) time.Duration {
	delay := math.Min(math.Ldexp(float64(retry), min(fruitless, 64)), float64(most))
	return time.Duration(delay * (0.5 + random/2))
}
