"""The rules that tools/check keeps, one idea a file, and the arithmetic of tools/test."""
