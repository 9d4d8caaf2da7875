"""What a board makes of each op of a graph, judged from the file."""
