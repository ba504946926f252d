"""Dense networks: masked linear layers whose units carry the set of inputs they may see."""
