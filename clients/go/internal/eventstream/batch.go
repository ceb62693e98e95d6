package eventstream

// Batch is what was told of one clock: events, which may be none, all with data.
type Batch struct {
	Clock  string
	Events []Frame
}

// Gatherer holds frames until one bears an id. One that is dropped with its connection leaves nothing behind: what it
// held will come again.
type Gatherer struct {
	MaxBatchBytes int

	held  []Frame
	bytes int
}

// Add takes a frame; done says that it ended the batch.
func (g *Gatherer) Add(f Frame) (batch Batch, done bool, err error) {
	if f.HasData {
		if g.bytes += f.Bytes; g.bytes > g.MaxBatchBytes {
			return batch, false, ErrTooLarge
		}
		g.held = append(g.held, f)
	}
	if !f.BearsID {
		return batch, false, nil
	}
	batch = Batch{f.ID, g.held}
	for i := range batch.Events {
		batch.Events[i].ID = f.ID
	}
	g.held, g.bytes = nil, 0
	return batch, true, nil
}
