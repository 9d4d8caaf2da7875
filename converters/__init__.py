"""Host side: recordings and trained networks become int8 graphs and one bundle. See README.md."""
