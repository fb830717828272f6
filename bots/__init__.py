"""LLM agents and people trading in one experimental asset market served by oTree."""
