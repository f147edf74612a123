"""What `puhui doctor` looks at, one module an area. Every check only looks, and answers one `Finding`."""
