"""Authenticity: is this part genuine or counterfeit?"""
