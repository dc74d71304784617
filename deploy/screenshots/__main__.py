"""The command."""

from deploy.screenshots.take import command

command()
