"""Speed, freshness and cost: `digitcam bench`. One file per bench; the shared parts measure a running pipeline."""
