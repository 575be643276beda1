"""What the shipped scripts do: programs `python -m tapiary.services.scripts.tools.NAME INPUT OUTPUT_DIR [ARGUMENT …]`.

They run inside of the sandbox, with the program's own Python, and need neither settings nor database.
"""
