from waystate.cli import main

main()
