"""What `puhui reconcile` compares with the chain and with evidence, one module a kind of row."""
