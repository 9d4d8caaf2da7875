"""From a plan to a bundle: each graph through its recipe, judged, tried, within the board's budget, packed."""
