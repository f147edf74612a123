from tests.properties.ledgers import Twin
class Watch:
    def __init__(self, twin): pass
    def check(self, call, result): pass
    def finish(self): pass
