package judge

func (r *run) session(peer Peer) {}

func matchHost(c *Certificate, name string, uriPrecludesCN bool) (bool, string) { return false, "" }
