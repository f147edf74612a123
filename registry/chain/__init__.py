"""The chain room: a web3 client, the embedded chain, one sender, one class a contract, generated artifacts."""
