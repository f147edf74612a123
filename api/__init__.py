"""The bridge: parse a request, call one service, return. No business rule lives here."""
