// Returns the page as it is now.
() => document.documentElement.outerHTML
