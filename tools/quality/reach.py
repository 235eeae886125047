"""Which files of the repository a source reaches by its includes."""

from .sources import includes


class Reach:
    def __init__(self, tree):
        self.tree = tree
        self._direct = {}

    def _includes_of(self, path):
        if path not in self._direct:
            found = []
            for _, system, target in includes(self.tree.text(path)):
                for candidate in (f"src/{target}", f"test/{target}"):
                    if not system and candidate in self.tree:
                        found.append(candidate)
            self._direct[path] = found
        return self._direct[path]

    def of(self, path):
        """`path` and everything it reaches, in a stable order."""
        seen, todo = {path}, [path]
        while todo:
            for target in self._includes_of(todo.pop()):
                if target not in seen:
                    seen.add(target)
                    todo.append(target)
        return sorted(seen)
