"""anyglot: any multilingual encoder, made to understand, translate and generate.

After `import anyglot` transformers' Auto classes open this package's model folders. transformers is not imported here.
"""

from anyglot.hub.arrival import await_transformers

await_transformers()
