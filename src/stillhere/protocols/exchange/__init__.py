"""Files in and out: contacts come as .vcf files of many cards and leave as one file per card.

read    files → cards, each with its UID, and what is refused with line and reason
plan    cards + what the address book has → what to write
merge   a device's export, where what is newer stays
load    the plan, in groups, through the store's door
export  an address book → a folder or a zip, byte for byte
"""
